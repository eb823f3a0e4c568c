"""What models of one server ask each other for: no HTTP, and values that JSON has no form for."""
