# SPDX-License-Identifier: GPL-2.0-or-later
# Every tests/unit/test_X.c becomes $(B)/tests/test_X, every tests/fuzz/fuzz_X.c
# $(B)/fuzz/fuzz_X, linked with all we have.

test_LIBSRC := $(wildcard tests/lib/*.c)
test_PROGS  := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
fuzz_PROGS  := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
test_LIBS   := $(patsubst %,$(B)/lib%.a,$(if $(wildcard templates/build.mk),vztmpl) \
	$(if $(wildcard tools/build.mk),tools) \
	$(if $(wildcard ploop/build.mk),ploop) $(if $(wildcard common/build.mk),common))

$(test_PROGS): $(B)/tests/%: $(B)/obj/tests/unit/%.o $(test_LIBSRC:%.c=$(B)/obj/%.o) $(test_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_cmocka) $(LIBS_all)

$(fuzz_PROGS): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/common.o \
		$(B)/obj/tests/lib/tarfile.o $(test_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) \
		$(LIBS_cmocka) $(LIBS_all)

$(B)/obj/tests/%.o: CPPFLAGS += -I tests/lib -I tools/vztmpl

unit-tests: $(test_PROGS)
	@:

fuzzers: $(fuzz_PROGS)
	@:
