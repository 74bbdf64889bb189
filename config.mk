# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every knob of the build, all ?=, so that the command line or the environment
# may set them. Targets are in the Makefile (`make help`).

VERSION ?= 0.1.0

# Where `make install` puts things; clients call /usr/sbin/vzctl.
PREFIX  ?= /usr
DESTDIR ?=

# Caches outlive the clone: ccache, kernel trees and objects, templates.
CACHE   ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vesper

# The kernel. KERNEL_SOURCE is a 6.12.y tarball or tree; KERNEL_TESTED is the
# point release that last passed everything (another one gets a notice).
# VANILLA_SOURCE, when given, is a kernel.org tree that check-series tries too.
KERNEL_SERIES  ?= 6.12
KERNEL_TESTED  ?= 6.12.117
KERNEL_SOURCE  ?= /usr/src/linux-source-6.12.tar.xz
VANILLA_SOURCE ?=
FLAVOUR        ?= plain
JOBS           ?= $(shell nproc 2>/dev/null || echo 2)

# Of `make test-templates`.
TEMPLATES ?= debian-11 debian-13

# How long each fuzzer works; as many run side by side as there are processors.
FUZZ_SECONDS ?= 7

# Build variants choose another directory and never other behaviour.
SAN    ?= 0
DEBUG  ?= 0
FUZZ   ?= 0
WERROR ?= 0
V      ?= 0
# (undefined: a make below a make has no built-in variables)
ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
ifneq ($(findstring clang,$(notdir $(CC))),)
B_cc := clang
endif
B_san   := $(if $(filter 1,$(SAN)),san)
B_debug := $(if $(filter 1,$(DEBUG)),debug)
B_fuzz  := $(if $(filter 1,$(FUZZ)),fuzz)
empty   :=
space   := $(empty) $(empty)
variant := $(subst $(space),-,$(strip $(B_cc) $(B_san) $(B_debug) $(B_fuzz)))
B       ?= build$(addprefix /,$(variant))

# Tools
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
INSTALL    ?= install
PKG_CONFIG ?= pkg-config
QUILT      ?= quilt

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla
CPPFLAGS := -I common -I ploop -I tools/lib -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 \
	-DVERSION=\"$(VERSION)\"
# The same bytes wherever the checkout is.
CFLAGS   := -std=gnu11 -g -ffile-prefix-map=$(CURDIR)=. -fPIC -fvisibility=hidden $(WARNINGS) \
	$(if $(filter 1,$(DEBUG) $(SAN)),-O1,-O2) $(if $(filter 1,$(WERROR)),-Werror)
LDFLAGS  :=
ifeq ($(SAN),1)
CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
else
CFLAGS  += $(if $(filter 1,$(DEBUG)),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong
LDFLAGS += -Wl,-z,relro,-z,now
endif
# What the fuzzers steer by: clang only, and only `make test-fuzz` sets it.
CFLAGS  += $(if $(filter 1,$(FUZZ)),-fsanitize=fuzzer-no-link)
CFLAGS  += $(EXTRA_CFLAGS)

# Libraries, asked only when something links.
LIBS_ext2    = $(shell $(PKG_CONFIG) --libs ext2fs com_err)
LIBS_archive = $(shell $(PKG_CONFIG) --libs libarchive liblzma zlib)
LIBS_xml2    = $(shell $(PKG_CONFIG) --libs libxml-2.0)
LIBS_uuid    = $(shell $(PKG_CONFIG) --libs uuid)
LIBS_jansson = $(shell $(PKG_CONFIG) --libs jansson)
LIBS_bpf     = $(shell $(PKG_CONFIG) --libs libbpf)
LIBS_seccomp = $(shell $(PKG_CONFIG) --libs libseccomp)
LIBS_cmocka  = $(shell $(PKG_CONFIG) --libs cmocka)
LIBS_crypt   = -lcrypt
LIBS_all     = $(LIBS_ext2) $(LIBS_archive) $(LIBS_xml2) $(LIBS_uuid) $(LIBS_jansson) \
	$(LIBS_crypt) $(LIBS_seccomp) $(LIBS_bpf)
CFLAGS_pkg  := $(shell $(PKG_CONFIG) --cflags ext2fs libarchive libxml-2.0 uuid 2>/dev/null)
CPPFLAGS    += $(CFLAGS_pkg:-I%=-isystem %)

export CACHE KERNEL_SERIES KERNEL_TESTED KERNEL_SOURCE VANILLA_SOURCE JOBS V QUILT FUZZ_SECONDS
