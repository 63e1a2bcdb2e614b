"""Places: GeoJSON geometries, boxes and distances."""
