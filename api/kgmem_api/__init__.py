"""The REST API: FastAPI over the façade, one router a resource, wire models at the edge."""
