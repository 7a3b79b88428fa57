"""Contracts that a plug-in must keep, shipped for whoever writes one."""
