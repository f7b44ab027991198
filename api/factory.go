package api

import "net/http"

// confirmation has to be said, so that nobody deletes everything by a slip.
const (
	confirmName  = "confirm"
	confirmation = "delete everything"
)

const notBegun = "the factory reset could not be begun"

// postFactoryReset makes the box what it was when it left the factory. The answer goes
// out first, as with any reset.
func (s *Server) postFactoryReset(w http.ResponseWriter, r *http.Request) {
	given, ok := s.members(w, r, confirmName)
	if !ok {
		return
	}
	if given[confirmName] != confirmation {
		refuse(w, []Problem{{pointer(confirmName), "wants the text \"" + confirmation + "\": settings, passwords, tokens, keys and history go for good"}})
		return
	}
	if err := s.factoryReset(r); s.refused(w, r, err, notBegun) {
		return
	}
	s.answerAndReset(w, "the box deletes everything and answers again in a few seconds, with the password of its label")
}

func (s *Server) factoryReset(r *http.Request) error {
	if err := s.FactoryReset(); err != nil {
		return err
	}
	s.Log.Warn("factory reset requested", "event", "factory_reset", "source", source(r))
	return nil
}

// postFactory is the same from the page, which has a box to tick.
func (s *Server) postFactory(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	switch {
	case !ok:
	case form.Get(confirmName) != confirmation:
		s.showSheet(w, r, http.StatusUnprocessableEntity, sheetAt(boxPath), nil, sheetView{Unconfirmed: true})
	default:
		if err := s.factoryReset(r); !s.refused(w, r, err, notBegun) {
			s.restart(w, r)
		}
	}
}
