"""Telemetry: flows, steps and statements as spans of OpenTelemetry, where an exporter is configured."""
