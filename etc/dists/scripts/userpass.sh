#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SET_USERPASS: by the distribution's own chpasswd, and where there is none, as with
# busybox, by its mkpasswd, into /etc/shadow. The password is in no argument.
# shellcheck disable=SC2154
user=${USERPW%%:*}
text /etc/passwd | cut -d: -f1 | grep -qxF -e "$user" || exit 67 # that there is no such user
if command -v chpasswd >/dev/null; then
	printf '%s\n' "$USERPW" | chpasswd
	exit
fi
hash=$(printf '%s\n' "${USERPW#*:}" | mkpasswd -P 0 -m sha512) || exit 1
new=$(text /etc/shadow | while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	"$user":*:*)
		rest=${line#*:*:}
		line=$user:$hash:$(($(date +%s) / 86400)):${rest#*:}
		;;
	esac
	printf '%s\n' "$line"
done)
case $new in *"$user:$hash:"*) ;; *)
	echo "user '$user' has no shadow password" >&2
	exit 1
	;;
esac
# With the owner and the mode of the old one.
cp -p /etc/shadow /etc/.shadow.new && printf '%s\n' "$new" >/etc/.shadow.new && mv -f /etc/.shadow.new /etc/shadow && exit
rm -f /etc/.shadow.new
exit 1
