"""Contracts that a plug-in must keep, shipped for those who write one."""
