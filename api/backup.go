package api

import (
	"errors"
	"io"
	"net/http"

	"smartconnect/telegram"
)

// importView is what has become of a file that was to be the configuration.
type importView struct {
	Error    string
	Problems []Problem
}

// postBackup answers with the configuration as a file.
func (s *Server) postBackup(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	passphrase := telegram.NewSecret(form.Get("passphrase"))
	file, err := s.Config.Export(passphrase)
	if err != nil {
		s.showImport(w, r, err)
		return
	}
	s.sendExport(w, r, file, passphrase)
}

// postRestore makes an uploaded file the configuration.
func (s *Server) postRestore(w http.ResponseWriter, r *http.Request) {
	form, ok := s.formUpTo(w, r, importBytes)
	if !ok {
		return
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		s.showImport(w, r, errNoFile)
		return
	}
	defer file.Close()
	content, err := io.ReadAll(file) // formUpTo has bounded it
	if err != nil {
		s.showImport(w, r, err)
		return
	}
	content = withoutMark(content)
	if fault := malformed(content); fault != "" {
		s.showImport(w, r, errors.New("the file is not valid JSON: "+fault))
		return
	}
	s.Sessions.changing.Lock()
	result, err := s.Config.Import(content, telegram.NewSecret(form.Get("passphrase")))
	s.Sessions.changing.Unlock()
	if err == nil {
		s.logChange(r, "config_imported", "configuration imported", result)
	}
	s.showImport(w, r, err)
}

var errNoFile = errors.New("no file was chosen")

// showImport shows the page of the box with what has become of a file.
func (s *Server) showImport(w http.ResponseWriter, r *http.Request, err error) {
	v, status := &importView{}, http.StatusOK
	var wrong Problems
	switch {
	case errors.As(err, &wrong):
		v.Problems, status = wrong.Problems(), http.StatusUnprocessableEntity
		v.Error = notAccepted(len(v.Problems))
	case err != nil:
		v.Error, status = err.Error(), http.StatusBadRequest
	}
	s.showSheet(w, r, status, sheetAt(boxPath), nil, sheetView{Imported: v})
}
