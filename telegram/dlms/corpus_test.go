package dlms

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartconnect/telegram"
)

// corpus returns the folder of real pushes, or skips: they are not ours to
// publish, so they are not in the repository.
func corpus(t testing.TB) string {
	dir := os.Getenv("SMARTCONNECT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "captures")
	}
	dir = filepath.Join(dir, "dlms")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus of real telegrams: %v (SMARTCONNECT_CORPUS names it)", err)
	}
	return dir
}

type sidecar struct {
	Name string
	Keys *struct {
		GUEK *string `json:"guek"`
		GAK  *string `json:"gak"`
	}
	Meter struct {
		Model string
	}
	Events []struct{ Kind string }
	Wants  []struct {
		When *struct {
			Local     string
			Deviation *int
		} `json:"date_time"`
		Invoke uint32 `json:"long_invoke_id_and_priority"`
		Cipher *struct {
			Counter  uint32 `json:"invocation_counter"`
			Title    string `json:"system_title"`
			Verified *bool  `json:"tag_verified"`
		} `json:"ciphering"`
		Values []struct {
			OBIS      *string
			Attribute *int8
			Class     *uint16 `json:"class_id"`
			Raw       any
			Scaler    *int8
			Unit      *string
			Value     *float64
			Source    *string `json:"scaler_source"`
		}
	} `json:"messages"`
}

// capture is one file of the corpus.
type capture struct {
	sidecar
	b []byte
	o telegram.Options
}

func captures(t testing.TB) []capture {
	dir := corpus(t)
	paths, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sidecars in %s: %v", dir, err)
	}
	var all []capture
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := capture{o: telegram.Options{UTCOffset: time.Hour}}
		if err := json.Unmarshal(b, &c.sidecar); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if c.b, err = os.ReadFile(strings.TrimSuffix(path, ".expect.json") + ".bin"); err != nil {
			t.Fatal(err)
		}
		if k := c.Keys; k != nil {
			for _, key := range []struct {
				hex  *string
				into *telegram.Secret
			}{{k.GUEK, &c.o.Key}, {k.GAK, &c.o.AuthKey}} {
				if key.hex == nil {
					continue
				}
				if *key.into, err = telegram.ParseKey(*key.hex); err != nil {
					t.Fatal(err)
				}
			}
		}
		all = append(all, c)
	}
	return all
}

// found is what a stream led to.
type found struct {
	messages []seen
	wholes   []telegram.Measurement
	errs     []error
	noise    int
}

// seen is one message with its objects, apart from those it came with.
type seen struct {
	message
	objects []object
}

func findAll(b []byte, o telegram.Options) (f found) {
	telegram.Telegrams(b, Format, func(e telegram.Event) {
		f.noise += e.Lost.Noise
		if e.Lost.Err != nil {
			f.errs = append(f.errs, e.Lost.Err)
		}
		if e.Raw == nil {
			return
		}
		raw := append([]byte(nil), e.Raw...)
		f.messages = append(f.messages, messages(raw, o)...)
		m, err := Format.Decode(raw, o, nil)
		if err != nil {
			f.errs = append(f.errs, err)
			return
		}
		f.wholes = append(f.wholes, m)
	})
	return f
}

// messages reads every message of a push by itself.
func messages(raw []byte, o telegram.Options) (all []seen) {
	d := new(decoder)
	d.reset(o)
	if err := d.telegram(raw); err != nil && !errors.Is(err, telegram.ErrListUnknown) {
		return nil
	}
	for i := range d.msgs {
		d.objects = nil
		_ = d.list(&d.msgs[i]) // an unknown list has objects, too
		d.identify()
		d.scale()
		all = append(all, seen{d.msgs[i], d.objects})
	}
	return all
}

func TestCorpus(t *testing.T) {
	for _, c := range captures(t) {
		t.Run(c.Name, func(t *testing.T) {
			f := findAll(c.b, c.o)
			if len(f.messages) != len(c.Wants) {
				t.Fatalf("%d messages, want %d; errors %v", len(f.messages), len(c.Wants), f.errs)
			}
			for i := range c.Wants {
				checkMessage(t, &c, i, f.messages[i])
			}
			checkEvents(t, &c, f)
		})
	}
}

func checkMessage(t *testing.T, c *capture, i int, got seen) {
	want := &c.Wants[i]
	local, deviation := "", (*int)(nil)
	if at, ok := readClock(got.when); ok {
		local = at.local.Format("2006-01-02T15:04:05")
		if at.deviates {
			minutes := int(at.deviation / time.Minute)
			deviation = &minutes
		}
	}
	switch {
	case want.When == nil && got.when != nil, want.When != nil && want.When.Local != local:
		t.Errorf("message %d: date-time %s, want %+v", i, local, want.When)
	case want.When != nil && (want.When.Deviation == nil) != (deviation == nil),
		want.When != nil && deviation != nil && *deviation != *want.When.Deviation:
		t.Errorf("message %d: deviation %v, want %v", i, deviation, want.When.Deviation)
	}
	if got.invoke != want.Invoke {
		t.Errorf("message %d: invoke id %d, want %d", i, got.invoke, want.Invoke)
	}
	if w := want.Cipher; w != nil {
		verified := w.Verified != nil && *w.Verified
		if s := got.seal; !s.Encrypted || s.Counter != w.Counter || s.Title.String() != w.Title || s.Authenticated != verified {
			t.Errorf("message %d: seal %+v, want %+v", i, s, *w)
		}
	} else if got.seal != (telegram.Seal{}) {
		t.Errorf("message %d: seal %+v, want none", i, got.seal)
	}
	if len(got.objects) != len(want.Values) {
		t.Fatalf("message %d: %d objects, want %d", i, len(got.objects), len(want.Values))
	}
	for j, w := range want.Values {
		o := &got.objects[j]
		code := ""
		if o.named {
			code = fmt.Sprintf("%d-%d:%d.%d.%d.%d", o.code.A, o.code.B, o.code.C, o.code.D, o.code.E, o.code.F)
		}
		at := fmt.Sprintf("message %d, object %d (%s)", i, j, code)
		if w.OBIS == nil && o.named || w.OBIS != nil && code != *w.OBIS {
			t.Errorf("%s: want %v", at, w.OBIS)
		}
		if w.OBIS != nil && w.Attribute != nil && o.attribute != *w.Attribute || w.Class != nil && o.class != *w.Class {
			t.Errorf("%s: attribute %d, class %d; want %d, %v", at, o.attribute, o.class, w.Attribute, w.Class)
		}
		if raw := rawOf(o); raw != printRaw(w.Raw) {
			t.Errorf("%s: raw %s, want %v", at, raw, w.Raw)
		}
		if w.Source == nil {
			if o.source != "" {
				t.Errorf("%s: scaler %s, want none", at, o.source)
			}
			continue
		}
		source, _, _ := strings.Cut(*w.Source, ":")
		if string(o.source) != source || o.exponent != *w.Scaler {
			t.Errorf("%s: scaler %d (%s), want %d (%s)", at, o.exponent, o.source, *w.Scaler, *w.Source)
		}
		v, ok := o.result.Get()
		if !ok || math.Abs(v-*w.Value) > 1e-12*math.Abs(*w.Value) {
			t.Errorf("%s: value %v (present %t), want %v", at, v, ok, *w.Value)
		}
		if unit := strings.TrimSuffix(*w.Unit, "1"); o.base.String() != unit {
			t.Errorf("%s: unit %q, want %q", at, o.base, *w.Unit)
		}
	}
}

// rawOf prints the raw value of an object as the sidecars do.
func rawOf(o *object) string {
	if n, ok := o.value.integer(); ok {
		return fmt.Sprint(n)
	}
	switch o.value.kind() {
	case null:
		return ""
	case container:
		return fmt.Sprintf("<%s of %d>", types[o.value.tag].name, o.value.n)
	}
	return fmt.Sprintf("%X", o.value.b)
}

func printRaw(raw any) string {
	switch v := raw.(type) {
	case nil:
		return ""
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprint(raw)
}

// leads says what the events of a sidecar must lead to: an error of a class, or
// noise. Events that are missing here need not show.
var leads = map[string]error{
	"bad_fcs":                  telegram.ErrChecksum,
	"bad_checksum":             telegram.ErrChecksum,
	"incomplete_gbt":           nil, // of the class of what broke it
	"axdr_error":               telegram.ErrMalformed,
	"duplicate_block":          telegram.ErrMalformed,
	"gbt_length_mismatch":      telegram.ErrMalformed,
	"incomplete_mbus_segments": telegram.ErrMalformed,
	"segment_without_start":    nil,
	"segment_lost":             nil,
	"tag_failed":               telegram.ErrKeyWrong,
	"decrypt_implausible":      telegram.ErrKeyWrong,
	"encrypted_no_key":         telegram.ErrKeyRequired,
}

func checkEvents(t *testing.T, c *capture, f found) {
	damaged := strings.HasPrefix(c.Name, "mbus-classic")
	for _, e := range c.Events {
		class, must := leads[e.Kind]
		damaged = damaged || must
		if e.Kind == "garbage" && f.noise == 0 {
			t.Error("no noise counted")
		}
		if !must {
			continue
		}
		ok := class == nil && len(f.errs) > 0
		for _, err := range f.errs {
			ok = ok || class != nil && errors.Is(err, class)
		}
		if !ok {
			t.Errorf("%s led to %v, want %v", e.Kind, f.errs, class)
		}
	}
	switch {
	case strings.HasPrefix(c.Name, "mbus-classic"):
		if len(f.errs) == 0 || !errors.Is(f.errs[0], telegram.ErrUnsupported) {
			t.Errorf("errors %v, want unsupported", f.errs)
		}
	case c.Name == "isk-am550-si-positional":
		if len(f.errs) != 1 || !errors.Is(f.errs[0], telegram.ErrListUnknown) || len(f.wholes) != 0 {
			t.Errorf("errors %v, want an unknown list", f.errs)
		}
	case !damaged && (len(f.errs) > 0 || len(f.wholes) == 0) && c.Name != "kamstrup-wrong-parity-noise":
		t.Errorf("errors %v, %d measurements", f.errs, len(f.wholes))
	case !damaged && f.noise > 0 && !strings.HasPrefix(c.Name, "bad-") && !strings.HasPrefix(c.Name, "kamstrup-wrong"):
		t.Errorf("%d octets of noise in a good capture", f.noise)
	}
	for _, err := range f.errs {
		if !strings.HasPrefix(err.Error(), "dlms: ") {
			t.Errorf("error %q does not say where", err)
		}
	}
	t.Logf("%d messages, %d measurements, noise %d, errors %v", len(f.messages), len(f.wholes), f.noise, f.errs)
}
