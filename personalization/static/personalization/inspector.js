/* The panel of staff who look closer at a page: each slot with its decision and the reasons.
   Everything is text: nothing of it is read as HTML. */
(() => {
    "use strict";

    const host = document.getElementById("personalization-inspector");
    if (!host) {
        return;
    }
    const root = host.shadowRoot || shadowed(host);
    const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const words = data.words;
    const panel = root.getElementById("panel");
    const opener = root.querySelector(".open");
    let filled = false;

    /** For browsers that do not make a shadow of a template themselves. */
    function shadowed(element) {
        const template = element.querySelector("template");
        const shadow = element.attachShadow({ mode: "open" });
        shadow.append(template.content);
        template.remove();
        return shadow;
    }

    function make(tag, className, ...children) {
        const element = document.createElement(tag);
        if (className) {
            element.className = className;
        }
        element.append(...children.filter((child) => child !== "" && child != null));
        return element;
    }

    function link(text, url) {
        if (!url) {
            return text;
        }
        const element = make("a", "", text);
        element.href = url;
        return element;
    }

    function list(tag, className, items) {
        return make(tag, className, ...items.map((item) => make("li", "", ...[].concat(item))));
    }

    // -- one slot -----------------------------------------------------------------------

    function slotElement(slot) {
        const what = slot.shown.length ? slot.shown.join(" + ") : words.default;
        const summary = make(
            "summary", "",
            make("span", "name", slot.name),
            slot.warnings.length ? make("span", "mark bad", "!") : "",
            make("span", "what", slot.flag ? words[slot.shown.length ? "yes" : "no"] : what),
        );
        const body = make("div", "body");
        const details = make("details", "", summary, body);
        details.dataset.slot = slot.slot;
        details.addEventListener("toggle", () => {
            if (details.open && !body.firstChild) {
                body.append(...slotParts(slot));
            }
        });
        return details;
    }

    function slotParts(slot) {
        const chance = `${+(slot.probability * 100).toFixed(1)} %`;
        const parts = slot.warnings.map((text) => make("p", "warning", text));
        parts.push(
            make("p", "", slot.reason),
            make("p", "quiet", `${slot.mode} · ${words.chance} ${chance}`),
            make("h3", "", words.steps),
            list("ol", "", slot.steps.map(stepParts)),
        );
        if (slot.candidates.length) {
            parts.push(
                make("h3", "", words.candidates),
                make("ul", "candidates", ...slot.candidates.map(candidateElement)),
            );
        }
        parts.push(make("p", "quiet", `${words.decision} ${slot.decision}`));
        if (slot.url) {
            parts.push(make("p", "", link(words.open, slot.url)));
        }
        return parts;
    }

    function stepParts(step) {
        const left = step.left.join(", ") || words.none;
        return [
            `${step.name}: ${step.answer}`,
            step.counts ? make("div", "quiet", `${words.left} ${left}`) : "",
        ];
    }

    function candidateElement(candidate) {
        return make(
            "li", "",
            make(
                "div", "",
                make("strong", "", candidate.name), " ",
                candidate.shown ? make("span", "mark yes", words.shown) : "",
            ),
            candidate.when ? make("div", "quiet", candidate.when) : "",
            ...candidate.segments.map(segmentElement),
        );
    }

    function segmentElement(segment) {
        const mark = segment.known
            ? make("span", `mark ${segment.inside ? "yes" : "no"}`, words[segment.inside ? "in" : "out"])
            : make("span", "mark bad", words.unknown);
        const line = make("div", "segment", mark, link(segment.name, segment.url));
        const element = make("div", "", line);
        if (segment.known && data.why) {
            const button = make("button", "", words.why);
            button.type = "button";
            button.setAttribute("aria-expanded", "false");
            button.addEventListener("click", () => explain(button, element, segment.slug));
            line.append(button);
        }
        return element;
    }

    // -- why somebody is in a segment -----------------------------------------------------

    async function explain(button, element, slug) {
        const shown = element.querySelector(".answer");
        if (shown) {
            shown.hidden = !shown.hidden;
            button.setAttribute("aria-expanded", String(!shown.hidden));
            return;
        }
        const answer = make("div", "answer", words.wait);
        answer.setAttribute("role", "status");
        element.append(answer);
        button.setAttribute("aria-expanded", "true");
        const found = await ask(data.why, { segment: slug, context: data.context });
        answer.replaceChildren(...(found ? answerParts(found) : [words.failed]));
    }

    function answerParts(found) {
        const parts = [];
        if (found.message) {
            parts.push(make("p", "", found.message));
        }
        if (found.sentence) {
            parts.push(make("p", "", `${found.sentence}.`));
        }
        if (found.reasons && found.reasons.length) {
            parts.push(reasonsElement(found.reasons));
        }
        if (found.when) {
            parts.push(make("p", "quiet", found.when));
        }
        if (found.changes && found.changes.length) {
            parts.push(make("p", "", words.changes), list("ul", "", found.changes));
        }
        return parts;
    }

    function reasonsElement(reasons) {
        return list("ul", "reasons", reasons.map((reason) => [
            make("span", `mark ${reason.holds ? "yes" : "no"}`, words[reason.holds ? "yes" : "no"]),
            " ", reason.text, " ",
            reason.actual ? make("span", "actual", reason.actual) : "",
            reason.reasons.length ? reasonsElement(reason.reasons) : "",
        ]));
    }

    async function ask(url, body) {
        try {
            const response = await fetch(url, {
                method: "POST",
                headers: { "Content-Type": "application/json", "X-CSRFToken": data.token },
                body: JSON.stringify(body),
            });
            const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
            return isJson ? await response.json() : null;
        } catch {
            return null;
        }
    }

    // -- slots that the browser fills -------------------------------------------------------

    /** Return what a placeholder asks, as the request that fills it does. */
    function asked(element) {
        const variants = element.querySelectorAll("template[data-personalization-variation]");
        return {
            slot: element.dataset.personalizationSlot,
            candidates: Array.from(variants, ({ dataset }) => ({
                key: dataset.personalizationVariation,
                segments: (dataset.personalizationSegments || "").split(" ").filter(Boolean),
            })),
        };
    }

    async function deferred() {
        const known = new Set(data.slots.map((slot) => slot.slot));
        const slots = placeholders.filter((one) => one.slot && !known.has(one.slot));
        if (!slots.length || !data.inspect) {
            return [];
        }
        const found = await ask(data.inspect, { slots });
        return (found && found.slots) || [];
    }

    // What fills them may take the templates away, so they are read before.
    const placeholders = Array.from(
        document.querySelectorAll("[data-personalization-deferred][data-personalization-slot]"),
        asked,
    );

    // -- the panel ------------------------------------------------------------------------

    async function fill() {
        const close = make("button", "close", "×");
        close.type = "button";
        close.setAttribute("aria-label", words.close);
        close.addEventListener("click", () => toggle(false));
        const head = make("div", "head", make("h2", "", panel.getAttribute("aria-label")), close);
        const slots = make("div", "", ...data.slots.map(slotElement));
        panel.append(head, ...data.warnings.map((text) => make("p", "warning", text)));
        panel.append(...data.notes.map((note) => make("p", "quiet", note)));
        if (data.did.length) {
            panel.append(make("h3", "", words.did), list("ol", "", data.did));
        }
        panel.append(slots);
        slots.append(...(await deferred()).map(slotElement));
        if (!slots.firstChild) {
            slots.append(make("p", "", words.empty));
        }
    }

    function toggle(open) {
        panel.hidden = !open;
        opener.setAttribute("aria-expanded", String(open));
        if (open && !filled) {
            filled = true;
            fill();
        }
        (open ? panel : opener).focus();
    }

    opener.hidden = false;
    opener.addEventListener("click", () => toggle(panel.hidden));
    root.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !panel.hidden) {
            event.stopPropagation();
            toggle(false);
        }
    });
})();
