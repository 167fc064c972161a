package api

import "orrery/service/ipc"

func (s *Server) doctor(c *call) error {
	b, ok := s.backend.(Examiner)
	if !ok {
		return ipc.Errorf(ipc.CodeUnsupported, "this service cannot examine itself")
	}
	x, err := b.Examine(c.ctx())
	if err != nil {
		return err
	}
	list(&x.Findings)
	if c.caller.Role == ipc.Observer {
		for i := range x.Findings {
			x.Findings[i].Details = nil
		}
	}
	return c.reply(x)
}
