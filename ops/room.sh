#!/bin/bash
# Runs a room in its container: room.sh [NODE-OPTION...] MODULE [ARGUMENT...]
#
# What it says goes to Docker. Where LOG_DIR is set it goes to the file LOG_DIR/ROOM.log as well,
# from which `ops ship-logs` sends it: a log that waits in a file survives an outage of whoever
# collects it, one that waits in the room's memory does not.
set -eu

if [ -n "${LOG_DIR:-}" ]; then
  exec > >(exec tee --append "$LOG_DIR/$ROOM.log") 2>&1
fi
exec node "$@"
