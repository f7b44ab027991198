package appliance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with a window of its own.
type browser struct {
	t   testing.TB
	ctx context.Context
}

// browse starts Chromium, which is told to accept the certificate that the box has
// made for itself.
func browse(t testing.TB, width, height int64) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		path, err = exec.LookPath("google-chrome")
	}
	if err != nil {
		if os.Getenv("SMARTCONNECT_REQUIRE") == "1" {
			t.Fatalf("chromium is required: %v", err)
		}
		t.Skipf("chromium is missing: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.IgnoreCertErrors, chromedp.Flag("lang", "en"))
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	b := &browser{t, ctx}
	mobile := func(p *emulation.SetDeviceMetricsOverrideParams, _ *emulation.SetTouchEmulationEnabledParams) {
		p.Mobile = width < 600
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height, mobile)); err != nil {
		t.Fatalf("a window: %v", err)
	}
	return b
}

// patient is how long anything on a page may take on a busy machine.
const patient = 60 * time.Second

// do does something, and fails where that cannot be done.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patient)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.seen())
	}
}

func value[T any](b *browser, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patient)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// seen is the text of the page, for who looks for what went wrong.
func (b *browser) seen() string {
	text, err := value[string](b, `location.href + "\n" + document.body.innerText`)
	return fmt.Sprintf("%s %v", text, err)
}

// is waits until a JavaScript expression is true, over the loading of other pages too.
func (b *browser) is(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok, err := value[bool](b, "!!("+expression+")"); err == nil && ok {
			return
		}
	}
	b.t.Fatalf("%s: never is %s\n%s", what, expression, b.seen())
}

// to goes to an address, and waits for a part of its page.
func (b *browser) to(address, part string) {
	b.t.Helper()
	b.do(address, chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS(part)))
}

// write types a text in place of what stands in a field.
func (b *browser) write(field, text string) {
	b.t.Helper()
	at := chromedp.CSS(field)
	b.do(field, chromedp.WaitVisible(at), chromedp.Clear(at), chromedp.SendKeys(at, text))
}

func (b *browser) click(part string) {
	b.t.Helper()
	b.do("clicking "+part, chromedp.Click(chromedp.CSS(part)))
}

// withoutScript ends all scripts of the window.
func (b *browser) withoutScript() {
	b.do("no scripts", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// fits fails where the page is wider than its window.
func (b *browser) fits(where string) {
	b.t.Helper()
	over, err := value[float64](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
	if err != nil || over > 0 {
		b.t.Errorf("%s is %v pixels wider than its window (%v)", where, over, err)
	}
}

// login goes from the landing page, as an installer would, to the status.
func (b *browser) login(box *box) {
	b.t.Helper()
	b.to("http://"+box.http+"/", "a.button")
	b.fits("the landing page")
	b.click("a.button")
	b.write("#password", box.label.Password)
	b.click("main form button.button")
	b.do("the status", chromedp.WaitVisible(chromedp.CSS("#lamps")))
}
