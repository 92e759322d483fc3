"""Do the regions of a run differ, and is that more than chance? One pure function of a bundle: `verdict.compare`.

    tokens      from bytes to words                         distance     integers between two texts
    signals     what one answer shows                       classes      how two answers differ, and why
    units       providers in regions and their answers      describe     what is seen
    style       what adds up over prompts                   blend        both measures as one
    permutation is it more than chance?                     naming       which regions differ
    apart       does one provider stand apart?              across       which targets differ
    verdict     what is said                                design       what can be said at best
    worddiff    for readers                                 series       what many runs say together

Everything is an integer or a fraction, and nothing depends on the order of a set, on the Python release or on the
machine: `beacon verify` derives `diff.json` again, byte for byte. What the verdicts mean: `docs/statistics.md`.
"""
