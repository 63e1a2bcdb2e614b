"""Between kgmem and other graph servers: records read from one, and written to one."""
