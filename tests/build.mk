# SPDX-License-Identifier: GPL-2.0-or-later
# Every tests/unit/test_X.c becomes $(B)/tests/test_X, every tests/fuzz/fuzz_X.c
# $(B)/fuzz/fuzz_X, linked with all we have. What a cli test runs beside the
# tools is tests/cli/X.c, $(B)/cli/X, and nothing of ours.

test_LIBSRC := $(wildcard tests/lib/*.c)
test_PROGS  := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
# What tests/lib/faults.c can let fail.
test_WRAP   := malloc calloc realloc reallocarray strdup strndup asprintf open64 openat64 read write \
	pread64 pwrite64 fallocate64 linkat ftruncate64 lseek64 fstat64 stat64 fchmod fsync fdatasync flock mkdir mkdtemp \
	opendir symlink rename renameat renameat2 getrandom \
	unlinkat ioctl
fuzz_PROGS  := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
test_LIBS   := $(patsubst %,$(B)/lib%.a,$(if $(wildcard templates/build.mk),vztmpl) \
	$(if $(wildcard tools/build.mk),tools) \
	$(if $(wildcard ploop/build.mk),ploop) $(if $(wildcard common/build.mk),common))

$(test_PROGS): $(B)/tests/%: $(B)/obj/tests/unit/%.o $(test_LIBSRC:%.c=$(B)/obj/%.o) $(test_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(test_WRAP:%=-Wl,--wrap=%) -o $@ $(filter %.o,$^) \
		$(filter %.a,$^) $(LIBS_cmocka) $(LIBS_all)

$(fuzz_PROGS): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/common.o \
		$(B)/obj/tests/lib/tarfile.o $(test_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) \
		$(LIBS_cmocka) $(LIBS_all)

$(B)/obj/tests/%.o: CPPFLAGS += -I tests/lib -I tools/vztmpl

cli_PROGS := $(patsubst tests/cli/%.c,$(B)/cli/%,$(wildcard tests/cli/*.c))

$(cli_PROGS): $(B)/cli/%: $(B)/obj/tests/cli/%.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ext2) $(LIBS_archive)

cli-programs: $(cli_PROGS)
	@:

unit-tests: $(test_PROGS)
	@:

fuzzers: $(fuzz_PROGS)
	@:
