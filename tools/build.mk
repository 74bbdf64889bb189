# SPDX-License-Identifier: GPL-2.0-or-later
tools_LIBSRC  := $(wildcard tools/lib/*.c)
vzctl_SRC     := $(wildcard tools/vzctl/*.c)
vzlist_SRC    := $(wildcard tools/vzlist/*.c)
tools_ARCHIVES := $(B)/libtools.a $(B)/libploop.a $(B)/libcommon.a

BINS += $(B)/bin/vzctl $(B)/bin/vzlist $(B)/bin/vz-supervisor

$(B)/libtools.a: $(tools_LIBSRC:%.c=$(B)/obj/%.o)

$(B)/bin/vzctl: $(vzctl_SRC:%.c=$(B)/obj/%.o) $(tools_ARCHIVES)
$(B)/bin/vzctl: LIBS = $(LIBS_all)

$(B)/bin/vzlist: $(vzlist_SRC:%.c=$(B)/obj/%.o) $(tools_ARCHIVES)
$(B)/bin/vzlist: LIBS = $(LIBS_all)

# Static and of libc alone: one runs for each container.
$(B)/bin/vz-supervisor: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tools/supervisor/*.c))
$(B)/bin/vz-supervisor: LIBS = -static

install::
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/vesper \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysctl.d \
		$(DESTDIR)/etc/logrotate.d \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)/etc/vz/conf $(DESTDIR)/etc/vz/names
	$(INSTALL) -d -m 755 $(DESTDIR)/etc/vz/dists $(DESTDIR)/etc/vz/dists/scripts
	$(INSTALL) -m 755 $(B)/bin/vzctl $(B)/bin/vzlist $(DESTDIR)$(PREFIX)/sbin
	$(INSTALL) -m 755 etc/vz-onboot $(B)/bin/vz-supervisor $(DESTDIR)$(PREFIX)/lib/vesper
	for u in vz.service vz-onboot.service; do \
		to=$(DESTDIR)$(PREFIX)/lib/systemd/system/$$u && rm -f $$to && \
		sed 's|/usr/lib/vesper/|$(PREFIX)/lib/vesper/|' etc/systemd/$$u >$$to && chmod 644 $$to || exit 1; done
	$(INSTALL) -m 644 etc/sysctl.d/60-vesper.conf $(DESTDIR)$(PREFIX)/lib/sysctl.d
	[ -e $(DESTDIR)/etc/logrotate.d/vzctl ] || \
		$(INSTALL) -m 644 etc/logrotate.d/vzctl $(DESTDIR)/etc/logrotate.d
	[ -e $(DESTDIR)/etc/vz/vz.conf ] || $(INSTALL) -m 644 etc/vz.conf $(DESTDIR)/etc/vz
	cd etc && for f in dists/*.conf dists/scripts/*; do [ -e $(DESTDIR)/etc/vz/$$f ] || \
		$(INSTALL) -m 644 $$f $(DESTDIR)/etc/vz/$$f || exit 1; done
	$(INSTALL) -m 644 etc/conf/*.conf-sample $(DESTDIR)/etc/vz/conf
	[ -e $(DESTDIR)/etc/vz/conf/ve-vswap-1024m.conf-sample ] || \
		ln -s ve-vswap-1g.conf-sample $(DESTDIR)/etc/vz/conf/ve-vswap-1024m.conf-sample
	$(INSTALL) -D -m 644 etc/bash-completion/vesper.sh \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vzctl
	for p in vzlist vztmpl ploop; do \
		ln -sf vzctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p || exit 1; done
	$(INSTALL) -m 644 docs/man/vzctl.8 docs/man/vzlist.8 $(DESTDIR)$(PREFIX)/share/man/man8
	$(INSTALL) -m 644 docs/man/ct.conf.5 docs/man/vz.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5
