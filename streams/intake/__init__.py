"""Report formats as they exist: one file each, pure decoders from what a portal or authority hands over to `Report`."""
