"""All SQL of the product. One module per family of tables; connection first, domain types in and out.

Functions take a Connection inside the caller's transaction, unless their docstring says that they commit themselves.
"""
