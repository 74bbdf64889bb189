# SPDX-License-Identifier: LGPL-2.1-or-later
# Helpers that ploop/ and tools/ share.

common_SRC := common/err.c common/io.c common/lock.c common/log.c common/path.c common/run.c \
	common/size.c common/strbuf.c common/strv.c

$(B)/libcommon.a: $(common_SRC:%.c=$(B)/obj/%.o)
