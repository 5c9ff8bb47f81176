#!/bin/sh
# What a play or an rsync does: the files of the repository become those of the server.
exec cp -R files/. "$SERVER/"
