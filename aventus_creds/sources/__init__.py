"""Where a token comes from: one small interface, wrapped round itself."""
