"""Many sizings: cells kept in files, gains over seeds, and what is published."""
