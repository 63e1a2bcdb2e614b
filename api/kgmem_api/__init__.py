"""The REST door: FastAPI over the façade, one router a resource, wire models at the edge."""
