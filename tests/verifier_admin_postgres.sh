#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same with a PostgreSQL server for a registry.
exec sh "$(dirname "$0")/verifier_admin.sh" postgres
