"""Bulk sends: who signed for one, which key stood behind it then, and to whom it may go."""
