"""The product's vocabulary: frozen types, enums, and rules that are true everywhere. No I/O, no clock."""
