"""A reference SMSC adapter; `docs/smsc.md` explains it."""
