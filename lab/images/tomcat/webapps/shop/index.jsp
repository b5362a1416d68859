<%@ page contentType="application/json; charset=UTF-8" session="true" import="java.util.*" %><%!
    static String quote(Object value) {
        if (value == null) return "null";
        StringBuilder text = new StringBuilder("\"");
        for (char c : value.toString().toCharArray()) {
            if (c == '"' || c == '\\' || c < 0x20) text.append(String.format("\\u%04x", (int) c));
            else text.append(c);
        }
        return text.append('"').toString();
    }

    static String headers(HttpServletRequest request) {
        StringJoiner all = new StringJoiner(", ", "{", "}");
        for (String name : Collections.list(request.getHeaderNames()))
            all.add(quote(name) + ": " + quote(String.join(", ", Collections.list(request.getHeaders(name)))));
        return all.toString();
    }

    static String cookies(HttpServletRequest request) {
        StringJoiner all = new StringJoiner(", ", "{", "}");
        if (request.getCookies() != null)
            for (Cookie cookie : request.getCookies()) all.add(quote(cookie.getName()) + ": " + quote(cookie.getValue()));
        return all.toString();
    }
%>{
  "application": "shop",
  "scheme": <%= quote(request.getScheme()) %>,
  "secure": <%= request.isSecure() %>,
  "serverName": <%= quote(request.getServerName()) %>,
  "serverPort": <%= request.getServerPort() %>,
  "remoteAddr": <%= quote(request.getRemoteAddr()) %>,
  "contextPath": <%= quote(request.getContextPath()) %>,
  "requestURI": <%= quote(request.getRequestURI()) %>,
  "queryString": <%= quote(request.getQueryString()) %>,
  "cookies": <%= cookies(request) %>,
  "headers": <%= headers(request) %>
}
