"""Makes template.sqlite: an empty database of the installed dynoxide, with an index that dynoxide itself does not make.

Run it from the project's root after a new version of dynoxide: python3 emulators/dynamodb/make-template.py
"""
import os
import sqlite3
import subprocess
import time

BINARY = "node_modules/@dynoxide/linux-x64/dynoxide"
TEMPLATE = "emulators/dynamodb/template.sqlite"

for leftover in (TEMPLATE, TEMPLATE + "-wal", TEMPLATE + "-shm"):
    if os.path.exists(leftover):
        os.remove(leftover)
server = subprocess.Popen([BINARY, "serve", "--port", "18999", "--db-path", TEMPLATE], stdout=subprocess.DEVNULL)
time.sleep(1)
server.terminate()
server.wait()

database = sqlite3.connect(TEMPLATE)
# The expression must read exactly as in dynoxide's queries, or SQLite does not use the index for them.
database.execute(
    "CREATE INDEX stream_records_by_sequence ON _stream_records (table_name, CAST(sequence_number AS INTEGER))"
)
database.commit()
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
database.close()
print(TEMPLATE, os.path.getsize(TEMPLATE), "bytes")
