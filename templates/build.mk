# SPDX-License-Identifier: GPL-2.0-or-later
# vztmpl, the recipes it reads, its pages.

vztmpl_SRC := $(addprefix tools/vztmpl/,build.c cache.c cmd.c import.c pack.c \
	pkgdb.c progress.c recipe.c recipe_run.c scan.c sieve.c treetar.c unique.c verify.c work.c)
BINS += $(B)/bin/vztmpl

$(B)/bin/vztmpl: LIBS = $(LIBS_ext2) $(LIBS_archive) $(LIBS_jansson)
$(B)/bin/vztmpl: $(B)/obj/tools/vztmpl/main.o $(B)/libvztmpl.a $(B)/libtools.a $(B)/libploop.a $(B)/libcommon.a

# All but main(), for the tests.
$(B)/libvztmpl.a: $(vztmpl_SRC:%.c=$(B)/obj/%.o)

install::
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/vesper \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)/vz/template/cache
	$(INSTALL) -m 755 $(B)/bin/vztmpl $(DESTDIR)$(PREFIX)/sbin/vztmpl
	rm -rf $(DESTDIR)$(PREFIX)/share/vesper/templates
	cp -R templates $(DESTDIR)$(PREFIX)/share/vesper/templates
	chmod -R u+rwX,go+rX,go-w $(DESTDIR)$(PREFIX)/share/vesper/templates
	$(INSTALL) -m 644 docs/man/vztmpl.8 $(DESTDIR)$(PREFIX)/share/man/man8/vztmpl.8
	$(INSTALL) -m 644 docs/man/template.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/template.conf.5

check-templates: $(B)/bin/vztmpl
	@scripts/check-templates $(TEMPLATES)
.PHONY: check-templates
