# SPDX-License-Identifier: GPL-2.0-or-later
# Every tests/unit/test_X.c becomes $(B)/tests/test_X, linked with all we have.

test_LIBSRC := $(wildcard tests/lib/*.c)
test_PROGS  := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
test_LIBS   := $(patsubst %,$(B)/lib%.a,$(if $(wildcard tools/build.mk),tools) \
	$(if $(wildcard ploop/build.mk),ploop) $(if $(wildcard common/build.mk),common))

$(test_PROGS): $(B)/tests/%: $(B)/obj/tests/unit/%.o $(test_LIBSRC:%.c=$(B)/obj/%.o) $(test_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_cmocka) $(LIBS_all)

$(B)/obj/tests/%.o: CPPFLAGS += -I tests/lib

unit-tests: $(test_PROGS)
	@:
