"""What looks at bytes of strangers before a library does: nothing is unpickled, unpacked or run here."""
