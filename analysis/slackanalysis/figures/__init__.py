"""Figures from recordings: each module draws one."""
