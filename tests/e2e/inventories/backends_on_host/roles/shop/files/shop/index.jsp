<%@ page contentType="application/json; charset=UTF-8" session="true" %>{
  "scheme": "<%= request.getScheme() %>",
  "secure": <%= request.isSecure() %>,
  "port": <%= request.getServerPort() %>,
  "remoteAddr": "<%= request.getRemoteAddr() %>",
  "contextPath": "<%= request.getContextPath() %>",
  "pid": <%= ProcessHandle.current().pid() %>
}
