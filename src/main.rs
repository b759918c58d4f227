//! The `altfill` program.

fn main() {}
