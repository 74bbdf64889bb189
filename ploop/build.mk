# SPDX-License-Identifier: LGPL-2.1-or-later
# The image library, archive and shared object, and its command line.

ploop_SRC := $(wildcard ploop/*.c)
ploop_CMD := $(wildcard ploop/cmd/*.c)
ploop_LIBS = $(LIBS_ext2) $(LIBS_archive) $(LIBS_nettle) $(LIBS_xml2)

$(B)/libploop.a: $(ploop_SRC:%.c=$(B)/obj/%.o)

$(B)/lib/libploop.so.0: $(ploop_SRC:%.c=$(B)/obj/%.o) $(B)/libcommon.a ploop/ploop.map
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libploop.so.0 -Wl,-z,defs \
		-Wl,--version-script=ploop/ploop.map -o $@ $(filter %.o,$^) $(filter %.a,$^) $(ploop_LIBS)

$(B)/bin/ploop: LIBS = $(ploop_LIBS) $(LIBS_uuid) $(LIBS_jansson)
$(B)/bin/ploop: $(ploop_CMD:%.c=$(B)/obj/%.o) $(B)/libploop.a $(B)/libcommon.a

BINS += $(B)/bin/ploop $(if $(filter 1,$(SAN)),,$(B)/lib/libploop.so.0)

install:: all
	$(INSTALL) -D -m 755 $(B)/bin/ploop $(DESTDIR)$(PREFIX)/sbin/ploop
	$(INSTALL) -D -m 644 $(B)/lib/libploop.so.0 $(DESTDIR)$(PREFIX)/lib/libploop.so.0
	ln -sf libploop.so.0 $(DESTDIR)$(PREFIX)/lib/libploop.so
	$(INSTALL) -D -m 644 ploop/ploop.h $(DESTDIR)$(PREFIX)/include/ploop/ploop.h
	$(INSTALL) -D -m 644 common/err.h $(DESTDIR)$(PREFIX)/include/ploop/err.h
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' ploop/ploop.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/ploop.pc
	$(INSTALL) -D -m 644 docs/man/ploop.3 $(DESTDIR)$(PREFIX)/share/man/man3/ploop.3
	$(INSTALL) -D -m 644 docs/man/ploop.8 $(DESTDIR)$(PREFIX)/share/man/man8/ploop.8
