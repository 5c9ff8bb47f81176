#!/bin/sh
# rsyslogd reads the files of this repository in place of those in /etc.
sed "s|/etc/rsyslog.d/|$PWD/files/etc/rsyslog.d/|" files/etc/rsyslog.conf > check.conf
exec rsyslogd -N1 -f check.conf
