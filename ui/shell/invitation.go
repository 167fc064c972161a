package shell

import (
	"context"

	"orrery/ui/model"
	"orrery/ui/view/invitation"
)

// invitationDialog is the open invite to a network.
type invitationDialog struct {
	view  *invitation.View
	model *model.Invitation
	modal *modal
}

func (i *invitationDialog) draw() { i.view.Show(i.model.Page()) }

// openInvitation opens an invite to a network.
func (s *Shell) openInvitation(network string) {
	i := &invitationDialog{model: s.state.Invitation(network)}
	i.view = invitation.New(s.invited(i), invitation.Answers{
		SavePicture: func() {
			p := i.model.Page()
			content, err := picture(p)
			if err != nil {
				s.problem(err)
				return
			}
			s.save(p.PictureName, content)
		},
		SaveFile: func() { p := i.model.Page(); s.save(p.FileName, p.File) },
		Close:    func() { i.modal.close() },
	})
	i.draw()
	i.modal = s.openModal(i.model.Page().Title, i.view.Content(), invitation.Size)
	service := s.cfg.Service
	s.cfg.Run(func(ctx context.Context) {
		data, err := service.Invite(ctx, network, "")
		if ctx.Err() != nil {
			return
		}
		s.onUI(func() {
			i.model.Loaded(data, err)
			i.draw()
		})
	})
}

// invited carries out what the user asks for in an invite: what opens another
// dialog closes this one.
func (s *Shell) invited(i *invitationDialog) func(model.Action) {
	return func(a model.Action) {
		if a.Do != model.Copy {
			i.modal.close()
		}
		s.Do(a)
	}
}
