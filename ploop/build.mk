# SPDX-License-Identifier: LGPL-2.1-or-later
# The image library, archive and shared object, and its command line.

ploop_SRC := ploop/attach.c ploop/attach_dm.c ploop/attach_loop.c ploop/attach_push.c ploop/attr.c ploop/bat.c \
	ploop/check.c ploop/clone.c ploop/compact.c ploop/convert.c ploop/create.c ploop/trim.c ploop/data.c ploop/descriptor.c ploop/dirs.c ploop/disk.c ploop/dm.c \
	ploop/edit.c ploop/entries.c ploop/ext_io.c ploop/gpt.c ploop/guid.c ploop/headers.c ploop/hold.c ploop/htree.c ploop/image.c \
	ploop/mark.c ploop/mend.c ploop/merge.c ploop/mkfs.c ploop/mount.c ploop/names.c ploop/newdir.c ploop/open.c ploop/owners.c ploop/populate.c ploop/resize.c ploop/settle.c \
	ploop/snapshot.c ploop/sort.c ploop/source.c ploop/space.c ploop/super.c ploop/top.c ploop/tree.c ploop/vet.c
ploop_CMD := $(wildcard ploop/cmd/*.c)
ploop_LIBS = $(LIBS_ext2) $(LIBS_archive) $(LIBS_xml2)

$(B)/libploop.a: $(ploop_SRC:%.c=$(B)/obj/%.o)

$(B)/lib/libploop.so.0: $(ploop_SRC:%.c=$(B)/obj/%.o) $(B)/libcommon.a ploop/ploop.map
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libploop.so.0 -Wl,-z,defs \
		-Wl,--version-script=ploop/ploop.map -o $@ $(filter %.o,$^) $(filter %.a,$^) $(ploop_LIBS)

$(B)/bin/ploop: LIBS = $(ploop_LIBS) $(LIBS_uuid)
$(B)/bin/ploop: $(ploop_CMD:%.c=$(B)/obj/%.o) $(B)/libploop.a $(B)/libcommon.a

BINS += $(B)/bin/ploop $(if $(filter 1,$(SAN)),,$(B)/lib/libploop.so.0)

install:: all
	$(INSTALL) -D -m 755 $(B)/bin/ploop $(DESTDIR)$(PREFIX)/sbin/ploop
	$(INSTALL) -D -m 644 $(B)/lib/libploop.so.0 $(DESTDIR)$(PREFIX)/lib/libploop.so.0
	ln -sf libploop.so.0 $(DESTDIR)$(PREFIX)/lib/libploop.so
	$(INSTALL) -D -m 644 ploop/ploop.h $(DESTDIR)$(PREFIX)/include/ploop/ploop.h
	$(INSTALL) -D -m 644 common/err.h $(DESTDIR)$(PREFIX)/include/ploop/err.h
	$(INSTALL) -D -m 644 docs/man/ploop.8 $(DESTDIR)$(PREFIX)/share/man/man8/ploop.8
