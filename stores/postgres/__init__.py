"""The store in a PostgreSQL database, for several machines. Only here the driver is imported: it is optional."""
