package host

import "time"

// remind is how often a trouble that stays the same is told again.
const remind = time.Hour

// complaint keeps the log and alerts from repeating one trouble with each try.
type complaint struct {
	text string
	told time.Time
}

// news tells whether a trouble has to be told: it is another one, or was told
// long ago.
func (c *complaint) news(text string) bool {
	if text != c.text || time.Since(c.told) >= remind {
		c.text, c.told = text, time.Now()
		return true
	}
	return false
}

// over is for when it works again.
func (c *complaint) over() { *c = complaint{} }
