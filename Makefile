# SPDX-License-Identifier: GPL-2.0-or-later
#
# Vesper: one make process for everything. Knobs: config.mk. A component names
# its sources and targets in its own build.mk; here are the rules they share
# and the targets a person types. `make help` lists these.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all
SHELL := /bin/sh

include config.mk

BINS :=
-include common/build.mk ploop/build.mk tools/build.mk templates/build.mk tests/build.mk

# --- shared rules ------------------------------------------------------------

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# A change of compiler or flags rebuilds; nothing else here needs to know them.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS)' >$@

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# An archive or a program is what its prerequisites say; LIBS is set by target.
$(B)/%.a:
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/bin/%:
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

ifneq ($(wildcard $(B)/obj),)
-include $(shell find $(B)/obj -name '*.d')
endif

FORCE:
.PHONY: FORCE

# --- targets: "name: ## help" is what `make help` prints ----------------------

all: $(BINS) ## build the tools (build/bin)
	@:

install:: all ## install into $(DESTDIR)$(PREFIX)
	@:

setup: ## install the Debian packages that are missing
	@scripts/setup

demo: setup ## build all, boot the host, create and start a container, show it
	@scripts/demo

shell: setup ## a root shell on the booted host, with the templates there
	@tests/guest/shell host

guest-shell: setup ## a root shell in the test guest (ROOT=host|mini, host if built)
	@tests/guest/shell

test: setup ## set up, build and test everything (tests/run lists the gates)
	@tests/run gates

host-image: all ## the guest's host root: build/host/root.hdd
	@scripts/host-image

bench: all ## measure the tools against their peers, and base against plain
	@scripts/bench

kernel: ## build the kernel, FLAVOUR=plain|debug|base -> build/kernel/<flavour>
	@scripts/build-kernel $(FLAVOUR)

kernel-src: ## an editable tree with the series applied by quilt: build/linux
	@scripts/kernel-src

refresh: ## write the edits in build/linux back into patches/
	@scripts/refresh-patches

kernel-config: ## merge the fragments of FLAVOUR and check them, build nothing
	@scripts/build-kernel --config-only $(FLAVOUR)

kselftest: ## the kernel tree's own tests on plain, against the baseline
	@scripts/kselftest run

kselftest-baseline: ## record the results of the base kernel
	@scripts/kselftest baseline

format: ## clang-format -i over the C files
	@scripts/check-format --fix

check-format: ## clang-format over the C files
	@scripts/check-format

check-shell: ## shellcheck over every script
	@scripts/check-shell

check-docs: all ## options, keys and kernel files against their pages
	@scripts/check-docs

check-series: ## the patches: headers, order, hooks, fuzz 0, checkpatch
	@scripts/check-series

test-unit: ## unit tests, sanitised
	@$(MAKE) --no-print-directory SAN=1 WERROR=1 unit-tests
	@tests/run unit

test-cli: all cli-programs ## whole programs, no root
	@tests/run cli

test-fuzz: ## fuzzers over what reads hostile input, FUZZ_SECONDS each
	@$(MAKE) --no-print-directory CC=clang SAN=1 FUZZ=1 WERROR=1 fuzzers
	@tests/run fuzz

test-guest: all ## the tests that need our kernel, in the guest (ON=plain,debug,host)
	@tests/run guest $(if $(ON),-k $(ON))

test-templates: all ## what tests debian-12's template, with the others: TEMPLATES=
	@for t in $(TEMPLATES); do \
		TEMPLATE=$$t scripts/host-image && TEMPLATE=$$t tests/run cli vztmpl-debian && \
		TEMPLATE=$$t tests/run guest -k plain template-debian || exit; done

help: ## this list
	@sed -n 's/^\([a-z-]*\)::\{0,1\} .*## \(.*\)/\1\t\2/p' Makefile | sort | \
		while IFS='	' read -r name what; do printf '  %-20s %s\n' "$$name" "$$what"; done

clean: ## remove what was built from this tree (the caches stay)
	rm -rf build

distclean: clean ## also the caches of kernels and templates
	rm -rf "$(CACHE)"

.PHONY: all setup demo shell guest-shell test host-image bench kernel kernel-src refresh kernel-config \
	kselftest format kselftest-baseline check-format check-shell check-docs check-series \
	test-unit test-cli test-fuzz test-guest test-templates unit-tests cli-programs fuzzers help clean distclean
