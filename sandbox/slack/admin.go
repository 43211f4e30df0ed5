package slackd

import "net/http"

func (s *Server) adminRoutes(mux *http.ServeMux) { mux.HandleFunc("GET /files/{id}", s.serveFile) }
func (s *Server) pageRoutes(*http.ServeMux)      {}
