"""The path of one page through the console, which is the receiver for people with a browser.

    routes    a page's doors become routes: `Show` is a GET for who may read, `Say` a POST for who may operate
    gate      who asks: a bearer token, a proxy's word, a session (`login`), or nobody where none is needed; which name
              we are asked under, and whether a form came from a page of ours (`places`)
    pages     the registry: a page is one file and one line there
    frame     templates/*.html around what the page has found: escaped, no script or style inside, one policy
    events    says that something has happened, so that static/live.js fetches the page again
    static/   the stylesheet and the script, from here and nowhere else

Pages read the journal through the same calls as the API and say the same words (`stages/command`). Whatever a label or
an annotation holds is text here, and a link only if it leads to http(s).
"""
