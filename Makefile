# make              builds the library, and from it what is installed
# make install      installs it: DESTDIR, PREFIX, LIBDIR, INCLUDEDIR and DATADIR say where
# make install-debug   installs the description for debuggers of the library itself
# make uninstall    removes what both have installed
# make dist         packs an archive of each, in target/package
#
# `sudo make install` after `make` builds nothing. BUILT names a folder in which cargo has left the library.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
PACKAGE ?= target/package
DIST_FOLDER ?= $(PACKAGE)

CC ?= cc
AR ?= ar
LD ?= ld
OBJCOPY ?= objcopy
INSTALL ?= install

# What a program needs beside the static library. Whoever links it reads this list: it is in pellucid.pc.
SYSTEM_LIBRARIES := -lm -lpthread -ldl

number = $(shell sed -n 's/^\#define PELLUCID_VERSION_$(1) //p' include/pellucid.h)
VERSION := $(call number,MAJOR).$(call number,MINOR).$(call number,PATCH)
ABI := $(shell sed -n 's/^ *PELLUCID_ABI_VERSION = \([0-9]*\),/\1/p' include/pellucid.h)
SHARED := libpellucid.so.$(ABI).$(call number,MAJOR).$(call number,MINOR)
SONAME := libpellucid.so.$(ABI)
PLATFORM := $(shell uname -m)-linux

HEADERS := include/pellucid.h include/pellucid.hpp
CMAKE_FILES := packaging/cmake/PellucidConfig.cmake packaging/cmake/PellucidConfigVersion.cmake
DESCRIPTIONS := include/pellucid.json include/pellucid.symbols
DOCUMENTS := LICENSE README.md CHANGELOG.md
ARTEFACTS := $(PACKAGE)/$(SHARED) $(PACKAGE)/libpellucid.a $(PACKAGE)/pellucid.pc

.PHONY: all install install-debug uninstall dist clean

ifdef BUILT
all: $(ARTEFACTS)
else
BUILT := target/release
all:
	cargo build --release --locked
	@$(MAKE) --no-print-directory BUILT=$(BUILT) all
endif

$(BUILT)/libpellucid.a:
	cargo build --release --locked

# Each symbol has the version that brought it.
$(PACKAGE)/exports.map: packaging/exports.awk include/pellucid.h
	@mkdir -p $(PACKAGE)
	awk -f $^ > $@

$(PACKAGE)/roots: include/pellucid.symbols
	@mkdir -p $(PACKAGE)
	sed 's/^/-u /' $< > $@

# Cargo can't version symbols, so the library is linked here, from the same code.
.INTERMEDIATE: $(PACKAGE)/linked.so
$(PACKAGE)/linked.so: $(BUILT)/libpellucid.a $(PACKAGE)/exports.map $(PACKAGE)/roots
	$(CC) -shared -o $@ @$(PACKAGE)/roots $< -Wl,-soname,$(SONAME) \
		-Wl,--version-script=$(PACKAGE)/exports.map -Wl,--gc-sections -Wl,-O1 -Wl,--build-id=sha1 \
		-Wl,-z,defs -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete $(SYSTEM_LIBRARIES)

$(PACKAGE)/$(SHARED).debug: $(PACKAGE)/linked.so
	$(OBJCOPY) --only-keep-debug --compress-debug-sections $< $@

$(PACKAGE)/$(SHARED): $(PACKAGE)/linked.so $(PACKAGE)/$(SHARED).debug
	$(OBJCOPY) --strip-all --add-gnu-debuglink=$@.debug $< $@

# One object with the library's own symbols and no others, so that it gets along with any other Rust in the program.
$(PACKAGE)/libpellucid.a: $(BUILT)/libpellucid.a packaging/merge.ld include/pellucid.symbols $(PACKAGE)/roots
	$(OBJCOPY) --strip-debug --remove-section .llvmbc --remove-section .llvmcmd $< $(PACKAGE)/parts.a
	$(LD) -r --gc-sections --force-group-allocation @$(PACKAGE)/roots -o $(PACKAGE)/used.o $(PACKAGE)/parts.a
	$(LD) -r -T packaging/merge.ld -o $(PACKAGE)/merged.o $(PACKAGE)/used.o
	$(OBJCOPY) --keep-global-symbols=include/pellucid.symbols --strip-unneeded $(PACKAGE)/merged.o $(PACKAGE)/pellucid.o
	rm -f $@
	$(AR) rcsD $@ $(PACKAGE)/pellucid.o
	rm $(PACKAGE)/parts.a $(PACKAGE)/used.o $(PACKAGE)/merged.o $(PACKAGE)/pellucid.o

# Folders below the prefix are given as seen from the file, so that the whole may be moved.
below = $(shell realpath -m --relative-to=$(LIBDIR)/pkgconfig $(1))
$(PACKAGE)/pellucid.pc: packaging/pellucid.pc.in include/pellucid.h Makefile FORCE
	@mkdir -p $(PACKAGE)
	@sed -e 's|@PREFIX@|$(call below,$(PREFIX))|' -e 's|@LIBDIR@|$(call below,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call below,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@SYSTEM_LIBRARIES@|$(SYSTEM_LIBRARIES)|' $< > $@.$$$$ && mv $@.$$$$ $@

.PHONY: FORCE
FORCE:

install: $(ARTEFACTS)
	$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(LIBDIR)/cmake/Pellucid $(INCLUDEDIR) $(DATADIR)/pellucid \
		$(DATADIR)/doc/pellucid)
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(PACKAGE)/$(SHARED) $(DESTDIR)$(LIBDIR)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libpellucid.so
	$(INSTALL) -m 644 $(PACKAGE)/libpellucid.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(PACKAGE)/pellucid.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 $(CMAKE_FILES) $(DESTDIR)$(LIBDIR)/cmake/Pellucid
	$(INSTALL) -m 644 $(DESCRIPTIONS) $(DESTDIR)$(DATADIR)/pellucid
	$(INSTALL) -m 644 $(DOCUMENTS) $(DESTDIR)$(DATADIR)/doc/pellucid

# Debuggers look for it there, beside the library.
install-debug: $(PACKAGE)/$(SHARED).debug
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/.debug
	$(INSTALL) -m 644 $< $(DESTDIR)$(LIBDIR)/.debug

uninstall:
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(notdir $(HEADERS))) \
		$(addprefix $(DESTDIR)$(LIBDIR)/,$(SHARED) $(SONAME) libpellucid.so libpellucid.a pkgconfig/pellucid.pc \
		.debug/$(SHARED).debug)
	rm -rf $(addprefix $(DESTDIR),$(LIBDIR)/cmake/Pellucid $(DATADIR)/pellucid $(DATADIR)/doc/pellucid)
	-rmdir --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(LIBDIR)/.debug)

DIST := pellucid-$(VERSION)-$(PLATFORM)
PACK := tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(or $(SOURCE_DATE_EPOCH),0) -I 'gzip -9n'
dist: all
	rm -rf $(PACKAGE)/dist
	@$(MAKE) --no-print-directory BUILT=$(BUILT) DESTDIR=$(abspath $(PACKAGE))/dist PREFIX=/$(DIST) install
	@$(MAKE) --no-print-directory BUILT=$(BUILT) DESTDIR=$(abspath $(PACKAGE))/dist-debug PREFIX=/$(DIST) install-debug
	$(PACK) -cf "$(DIST_FOLDER)/$(DIST).tar.gz" -C $(PACKAGE)/dist $(DIST)
	$(PACK) -cf "$(DIST_FOLDER)/$(DIST)-debug.tar.gz" -C $(PACKAGE)/dist-debug $(DIST)
	rm -rf $(PACKAGE)/dist $(PACKAGE)/dist-debug

clean:
	rm -rf $(PACKAGE)
