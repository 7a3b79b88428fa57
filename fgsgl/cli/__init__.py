"""The `fgsgl` command, one module a group of commands."""
