package api

import "net/http"

// getMetrics answers a scrape of Prometheus.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) { s.Metrics.ServeHTTP(w, r) }
