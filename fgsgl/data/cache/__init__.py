"""What is derived from data sets and kept: contents, facts, frames and joints, in a folder of the suite's own."""
